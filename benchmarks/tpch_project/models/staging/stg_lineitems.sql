with raw as (
    select
        *,
        cast(l_extendedprice * (1 - l_discount) as decimal(18, 4)) as revenue
    from {{ source('bronze', 'lineitem') }}
)

select
    -- No order has more than seven lines.
    l_orderkey * 10 + l_linenumber as line_id,
    l_orderkey as order_id,
    l_linenumber as line_number,
    l_partkey as part_id,
    l_suppkey as supplier_id,
    cast(l_quantity as int) as quantity,
    l_extendedprice as list_price,
    l_discount as discount,
    revenue,
    cast(revenue * (1 + l_tax) as decimal(20, 6)) as charge,
    case l_linestatus when 'O' then 'open' when 'F' then 'filled' end as line_status,
    l_shipdate as shipped_on
from raw
