with raw as (
    select
        *,
        {{ normalised('model_type') }} as body_spelling,
        {{ number_in('battery_capacity') }} as battery_number,
        {{ number_in('driving_range') }} as range_number,
        {{ number_in('charging_time') }} as charging_number
    from {{ source('bronze', 'vehicles') }}
)

select
    vehicle_id,
    trim(model_name) as model_name,
    case body_spelling
        when 'sedan' then 'Sedan'
        when 'suv' then 'SUV'
        when 'hatchback' then 'Hatchback'
        when 'van' then 'Van'
        when 'truck' then 'Truck'
    end as body_type,
    battery_number::decimal(6, 1) as battery_kwh,
    round(case when driving_range like '%mi' then range_number * 1.609344 else range_number end)::integer as range_km,
    color,
    model_year,
    round(case when charging_time like '%h' then charging_number * 60 else charging_number end)::integer as charging_minutes
from raw
