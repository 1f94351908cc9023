-- Recency, frequency, monetary value (RFM), as of the last sale in the data.
with customers as (
    select
        customer_id,
        full_name,
        country,
        last_sale_date,
        sales as frequency,
        lifetime_value_usd as monetary_value_usd
    from {{ ref('mart_customer_lifetime_value') }}
    where sales > 0 and customer_id <> -1
),

scored as (
    select
        *,
        date_diff('day', last_sale_date, (select max(sale_date) from {{ ref('fact_sales') }}))::integer as recency_days,
        ntile(5) over (order by last_sale_date, customer_id)::integer as recency_score,
        least(frequency, 5)::integer as frequency_score,
        ntile(5) over (order by monetary_value_usd, customer_id)::integer as monetary_score
    from customers
)

select
    customer_id,
    full_name,
    country,
    recency_days,
    frequency,
    monetary_value_usd,
    recency_score,
    frequency_score,
    monetary_score,
    case
        when recency_score >= 4 and frequency_score >= 3 then 'Champion'
        when frequency_score >= 3 then 'Loyal'
        when recency_score >= 4 and frequency_score = 1 then 'New'
        when recency_score <= 2 and frequency_score = 2 then 'At risk'
        when recency_score <= 2 then 'Lapsed'
        else 'Regular'
    end as segment
from scored
