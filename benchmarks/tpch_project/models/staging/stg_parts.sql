with raw as (
    select
        *,
        lower(p_type) as type_text,
        lower(p_container) as container_text
    from {{ source('bronze', 'part') }}
)

select
    p_partkey as part_id,
    trim(p_name) as part_name,
    {{ number_after('p_mfgr') }} as manufacturer,
    {{ number_after('p_brand') }} as brand,
    split_part(type_text, ' ', 1) as product_line,
    split_part(type_text, ' ', 2) as finish,
    split_part(type_text, ' ', 3) as metal,
    p_size as size,
    case split_part(container_text, ' ', 1)
        when 'sm' then 'small'
        when 'med' then 'medium'
        when 'lg' then 'large'
        else split_part(container_text, ' ', 1)
    end as container_size,
    replace(split_part(container_text, ' ', 2), 'pkg', 'package') as container,
    p_retailprice as retail_price
from raw
