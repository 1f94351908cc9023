-- Each file begins with the last orders of the one before.
with raw as (
    select
        *,
        row_number() over (partition by o_orderkey order by o_orderdate desc, o_orderstatus) as copy
    from {{ source('bronze', 'orders') }}
)

select
    o_orderkey as order_id,
    o_custkey as customer_id,
    case o_orderstatus when 'O' then 'open' when 'F' then 'filled' when 'P' then 'partly filled' end as status,
    o_totalprice as total_price,
    o_orderdate as ordered_on,
    cast(split_part(o_orderpriority, '-', 1) as int) as priority,
    lower(split_part(o_orderpriority, '-', 2)) as priority_name,
    {{ number_after('o_clerk') }} as clerk_id
from raw
where copy = 1
