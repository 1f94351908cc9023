with raw as (
    select * from {{ source('bronze', 'product_reviews') }}
)

select
    raw.review_id,
    vehicles.vehicle_id,
    customers.customer_id,
    raw.rating,
    raw.review_date,
    nullif(trim(raw.review_text), '') as review_text
from raw
left join {{ ref('stg_vehicles') }} as vehicles
    on lower(vehicles.model_name) = lower(trim(raw.model_name))
left join {{ ref('stg_customers') }} as customers
    on customers.customer_id = raw.customer_id
