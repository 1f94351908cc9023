with raw as (
    select
        *,
        {{ capitalised('l_shipinstruct') }} as instruction
    from {{ source('bronze', 'lineitem') }}
    where l_returnflag = 'R'
)

select
    l_orderkey * 10 + l_linenumber as line_id,
    l_orderkey as order_id,
    l_partkey as part_id,
    l_suppkey as supplier_id,
    cast(l_quantity as int) as quantity,
    cast(l_extendedprice * (1 - l_discount) as decimal(18, 4)) as refund,
    l_receiptdate as received_on,
    nullif(instruction, 'None') as instruction
from raw
