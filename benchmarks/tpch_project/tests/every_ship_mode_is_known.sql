-- A spelling that the seed does not know would become null without a word.
select lineitems.l_shipmode, count(*) as lines
from {{ source('bronze', 'lineitem') }} as lineitems
left join {{ ref('ship_modes') }} as modes
    on modes.spelling = lower(trim(lineitems.l_shipmode))
where modes.spelling is null
group by lineitems.l_shipmode
