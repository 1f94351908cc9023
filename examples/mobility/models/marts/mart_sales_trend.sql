-- Sales and reviews meet on the model. Each is counted before they are joined: joined first, every sale would count
-- once per review of its model.
with sales as (
    select
        date_trunc('month', sale_date)::date as sale_month,
        vehicle_id,
        count(*) as units_sold,
        sum(sale_price_usd)::decimal(14, 2) as revenue_usd
    from {{ ref('fact_sales') }}
    group by all
),

reviews as (
    select
        vehicle_id,
        count(*) as reviews,
        round(avg(rating), 2)::decimal(3, 2) as average_rating
    from {{ ref('stg_product_reviews') }}
    group by vehicle_id
)

select
    sales.sale_month,
    sales.vehicle_id,
    vehicles.model_name,
    sales.units_sold,
    sales.revenue_usd,
    round(sales.revenue_usd / sales.units_sold, 2)::decimal(12, 2) as average_price_usd,
    (sum(sales.units_sold) over model_so_far)::bigint as units_to_date,
    (sales.revenue_usd - lag(sales.revenue_usd) over model_so_far)::decimal(14, 2) as revenue_change_usd,
    coalesce(reviews.reviews, 0) as reviews,
    reviews.average_rating
from sales
inner join {{ ref('dim_vehicle') }} as vehicles
    on vehicles.vehicle_id = sales.vehicle_id
left join reviews
    on reviews.vehicle_id = sales.vehicle_id
window model_so_far as (partition by sales.vehicle_id order by sales.sale_month)
