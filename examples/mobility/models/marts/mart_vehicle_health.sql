-- Each car's condition, as of the last service or alert in the data.
with services as (
    select
        car_id,
        count(*) as services,
        max(service_date) as last_service_date,
        arg_max(battery_health_percent, service_number) as battery_health_percent,
        -- The last date that could be read: "TBD" is no date.
        max(next_checkup_due) as next_checkup_due
    from {{ ref('stg_vehicle_maintenance') }}
    group by car_id
),

alerts as (
    select
        car_id,
        count(*) as alerts,
        max(alert_date) as last_alert_date,
        min(pressure_psi) as lowest_pressure_psi,
        max(temperature_f) as highest_temperature_f
    from {{ ref('stg_vehicle_alerts') }}
    group by car_id
),

as_of as (
    select greatest((select max(last_service_date) from services), (select max(last_alert_date) from alerts)) as day
),

cars as (
    select
        health.car_id,
        health.vehicle_id,
        health.manufacturing_year,
        coalesce(services.services, 0) as services,
        services.last_service_date,
        services.battery_health_percent,
        services.next_checkup_due,
        coalesce(services.next_checkup_due < as_of.day, false) as is_checkup_overdue,
        coalesce(alerts.alerts, 0) as alerts,
        alerts.lowest_pressure_psi,
        alerts.highest_temperature_f
    from {{ ref('stg_vehicle_health') }} as health
    cross join as_of
    left join services
        on services.car_id = health.car_id
    left join alerts
        on alerts.car_id = health.car_id
)

select
    *,
    case
        when battery_health_percent < 92 or alerts >= 2 then 'Attention'
        when is_checkup_overdue or alerts = 1 then 'Watch'
        else 'Good'
    end as health_status
from cars
