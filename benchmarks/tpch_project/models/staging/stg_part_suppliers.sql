select
    ps_partkey as part_id,
    ps_suppkey as supplier_id,
    ps_availqty as available_quantity,
    ps_supplycost as supply_cost,
    cast(ps_availqty * ps_supplycost as decimal(20, 2)) as stock_value
from {{ source('bronze', 'partsupp') }}
