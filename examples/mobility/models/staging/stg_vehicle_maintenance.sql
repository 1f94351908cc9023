with services as (
    select
        vehicle_id as car_id,
        generate_subscripts(maintenance_history, 1)::integer as service_number,
        unnest(maintenance_history) as service
    from {{ source('bronze', 'vehicle_health') }}
),

read as (
    select
        car_id,
        service_number,
        service."Date" as date_text,
        service."ServiceType" as service_type,
        service."Mileage" as mileage_text,
        {{ number_in('service."Mileage"') }} as mileage_number,
        {{ number_in('service."Details"."BatteryHealth"') }} as health_number,
        service."Details"."BatteryHealth" as health_text,
        service."Details"."NextCheckupDue" as due_text
    from services
)

select
    car_id,
    service_number,
    try_cast(date_text as date) as service_date,
    service_type,
    round(case when mileage_text like '%mi' then mileage_number * 1.609344 else mileage_number end)::integer as mileage_km,
    -- "84%" and "0.84" say the same.
    (case when health_text like '%\%' escape '\' then health_number else health_number * 100 end)::decimal(5, 1)
        as battery_health_percent,
    try_cast(due_text as date) as next_checkup_due
from read
