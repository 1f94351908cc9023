with raw as (
    select * from {{ source('bronze', 'vehicle_health') }}
)

select
    raw.vehicle_id as car_id,
    vehicles.vehicle_id,
    raw.manufacturing_year,
    coalesce(len(raw.maintenance_history), 0) as service_count,
    coalesce(len(raw.alerts), 0) as alert_count
from raw
left join {{ ref('stg_vehicles') }} as vehicles
    on lower(vehicles.model_name) = lower(trim(raw.model_name))
