with totals as (
    select
        customer_id,
        count(*) as sales,
        sum(sale_price_usd)::decimal(14, 2) as lifetime_value_usd,
        min(sale_date) as first_sale_date,
        max(sale_date) as last_sale_date
    from {{ ref('fact_sales') }}
    group by customer_id
)

select
    customers.customer_id,
    customers.full_name,
    customers.country,
    coalesce(totals.sales, 0) as sales,
    coalesce(totals.lifetime_value_usd, 0)::decimal(14, 2) as lifetime_value_usd,
    round(totals.lifetime_value_usd / totals.sales, 2)::decimal(12, 2) as average_sale_usd,
    totals.first_sale_date,
    totals.last_sale_date,
    date_diff('day', totals.first_sale_date, totals.last_sale_date)::integer as days_between_sales,
    row_number() over (
        order by coalesce(totals.lifetime_value_usd, 0) desc, customers.customer_id
    )::integer as value_rank
from {{ ref('dim_customer') }} as customers
left join totals
    on totals.customer_id = customers.customer_id
