-- Sales and returns meet on the brand. Each is counted before they are joined: joined first, every sale would count once
-- per return of its brand.
with sales as (
    select
        cast(date_trunc('month', sales.sold_on) as date) as sale_month,
        parts.brand,
        count(*) as lines,
        cast(sum(sales.quantity) as bigint) as units_sold,
        cast(sum(sales.revenue) as decimal(24, 4)) as revenue
    from {{ ref('fact_sales') }} as sales
    inner join {{ ref('dim_part') }} as parts
        on parts.part_id = sales.part_id
    group by cast(date_trunc('month', sales.sold_on) as date), parts.brand
),

returns as (
    select
        parts.brand,
        count(*) as returns,
        cast(sum(returned.refund) as decimal(24, 4)) as refunds
    from {{ ref('stg_returns') }} as returned
    inner join {{ ref('dim_part') }} as parts
        on parts.part_id = returned.part_id
    group by parts.brand
)

select
    sales.sale_month,
    sales.brand,
    sales.lines,
    sales.units_sold,
    sales.revenue,
    {{ ratio('sales.revenue', 'sales.units_sold') }} as average_price,
    cast(sum(sales.units_sold) over brand_so_far as bigint) as units_to_date,
    cast(sales.revenue - lag(sales.revenue) over brand_so_far as decimal(24, 4)) as revenue_change,
    coalesce(returns.returns, 0) as returns,
    coalesce(returns.refunds, 0) as refunds
from sales
left join returns
    on returns.brand = sales.brand
window brand_so_far as (partition by sales.brand order by sales.sale_month)
