-- The name of a part is a list of colors.
with positions as (
    select * from (values (1), (2), (3), (4), (5)) as listed (position)
),

words as (
    select
        parts.p_partkey as part_id,
        positions.position,
        split_part(trim(parts.p_name), ' ', positions.position) as color
    from {{ source('bronze', 'part') }} as parts
    cross join positions
)

select
    part_id,
    position,
    color
from words
where color <> ''
