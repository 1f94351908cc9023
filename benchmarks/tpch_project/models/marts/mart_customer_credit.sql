-- What each customer owes and is about to owe, as of the last order in the data.
with open_orders as (
    select
        customer_id,
        count(*) as open_orders,
        cast(sum(charge) as decimal(28, 6)) as open_value,
        min(ordered_on) as oldest_open_on
    from {{ ref('fact_orders') }}
    where status <> 'filled'
    group by customer_id
),

returns as (
    select
        orders.customer_id,
        count(*) as returns,
        max(returned.received_on) as last_return_on,
        cast(sum(returned.refund) as decimal(26, 4)) as refunds
    from {{ ref('stg_returns') }} as returned
    inner join {{ ref('fact_orders') }} as orders
        on orders.order_id = returned.order_id
    group by orders.customer_id
),

as_of as (
    select max(ordered_on) as day from {{ ref('fact_orders') }}
),

customers as (
    select
        customers.customer_id,
        customers.segment,
        customers.balance,
        coalesce(open_orders.open_orders, 0) as open_orders,
        coalesce(open_orders.open_value, 0) as open_value,
        cast(as_of.day - open_orders.oldest_open_on as int) as oldest_open_days,
        coalesce(returns.returns, 0) as returns,
        returns.last_return_on,
        coalesce(returns.refunds, 0) as refunds
    from {{ ref('stg_customers') }} as customers
    cross join as_of
    left join open_orders
        on open_orders.customer_id = customers.customer_id
    left join returns
        on returns.customer_id = customers.customer_id
)

select
    *,
    case
        when balance < 0 and open_orders > 0 then 'Attention'
        when balance < 1000 or returns >= 15 then 'Watch'
        else 'Good'
    end as credit_status
from customers
