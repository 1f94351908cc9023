with totals as (
    select
        customer_id,
        count(*) as orders,
        cast(sum(revenue) as decimal(26, 4)) as lifetime_value,
        min(ordered_on) as first_order_on,
        max(ordered_on) as last_order_on
    from {{ ref('fact_orders') }}
    group by customer_id
)

select
    customers.customer_id,
    customers.customer_name,
    customers.nation_name,
    coalesce(totals.orders, 0) as orders,
    cast(coalesce(totals.lifetime_value, 0) as decimal(26, 4)) as lifetime_value,
    {{ ratio('totals.lifetime_value', 'totals.orders') }} as average_order,
    totals.first_order_on,
    totals.last_order_on,
    cast(totals.last_order_on - totals.first_order_on as int) as days_between_orders,
    row_number() over (order by coalesce(totals.lifetime_value, 0) desc, customers.customer_id) as value_rank
from {{ ref('dim_customer') }} as customers
left join totals
    on totals.customer_id = customers.customer_id
