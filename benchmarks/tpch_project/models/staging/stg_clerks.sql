-- Nobody sends a list of clerks: they are known from their orders.
select
    clerk_id,
    count(*) as orders,
    min(ordered_on) as first_order_on,
    max(ordered_on) as last_order_on
from {{ ref('stg_orders') }}
group by clerk_id
