-- How much the cars of each model are driven, from the odometer at their services.
with cars as (
    select
        car_id,
        count(*) as services,
        max(mileage_km) as mileage_km,
        max(mileage_km) - min(mileage_km) as driven_km,
        date_diff('day', min(service_date), max(service_date)) as driven_days
    from {{ ref('stg_vehicle_maintenance') }}
    group by car_id
),

usage as (
    select
        health.vehicle_id,
        count(*) as cars_on_record,
        sum(cars.services)::bigint as services,
        round(avg(cars.mileage_km))::integer as average_mileage_km,
        round(365.25 * sum(cars.driven_km) / nullif(sum(cars.driven_days), 0))::integer as km_per_year
    from {{ ref('stg_vehicle_health') }} as health
    left join cars
        on cars.car_id = health.car_id
    group by health.vehicle_id
),

sales as (
    select
        vehicle_id,
        count(*) as units_sold
    from {{ ref('fact_sales') }}
    group by vehicle_id
)

select
    vehicles.vehicle_id,
    vehicles.model_name,
    vehicles.body_type,
    coalesce(sales.units_sold, 0) as units_sold,
    coalesce(usage.cars_on_record, 0) as cars_on_record,
    coalesce(usage.services, 0) as services,
    usage.average_mileage_km,
    usage.km_per_year
from {{ ref('dim_vehicle') }} as vehicles
left join sales
    on sales.vehicle_id = vehicles.vehicle_id
left join usage
    on usage.vehicle_id = vehicles.vehicle_id
