-- Recency, frequency, monetary value (RFM), as of the last order in the data.
with customers as (
    select
        customer_id,
        customer_name,
        nation_name,
        last_order_on,
        orders as frequency,
        lifetime_value as monetary_value
    from {{ ref('mart_customer_lifetime_value') }}
    where orders > 0 and customer_id <> -1
),

scored as (
    select
        *,
        cast((select max(ordered_on) from {{ ref('fact_orders') }}) - last_order_on as int) as recency_days,
        ntile(5) over (order by last_order_on, customer_id) as recency_score,
        least(frequency, 25) as frequency_score,
        ntile(5) over (order by monetary_value, customer_id) as monetary_score
    from customers
)

select
    customer_id,
    customer_name,
    nation_name,
    recency_days,
    frequency,
    monetary_value,
    recency_score,
    frequency_score,
    monetary_score,
    case
        when recency_score >= 4 and frequency_score >= 20 then 'Champion'
        when frequency_score >= 20 then 'Loyal'
        when recency_score >= 4 and frequency_score <= 5 then 'New'
        when recency_score <= 2 and monetary_score >= 3 then 'At risk'
        when recency_score <= 2 then 'Lapsed'
        else 'Regular'
    end as segment
from scored
