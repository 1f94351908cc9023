with alerts as (
    select
        vehicle_id as car_id,
        generate_subscripts(alerts, 1)::integer as alert_number,
        unnest(alerts) as alert
    from {{ source('bronze', 'vehicle_health') }}
),

read as (
    select
        car_id,
        alert_number,
        alert."AlertType" as alert_type,
        alert."Date" as date_text,
        lower(alert."Details"."Pressure") as pressure_text,
        {{ number_in('alert."Details"."Pressure"') }} as pressure_number,
        alert."Details"."Temperature" as temperature_text,
        {{ number_in('alert."Details"."Temperature"') }} as temperature_number,
        alert."Details"."RecommendedAction" as recommended_action
    from alerts
)

select
    car_id,
    alert_number,
    alert_type,
    try_cast(date_text as date) as alert_date,
    (case when pressure_text like '%bar' then pressure_number * 14.503774 else pressure_number end)::decimal(5, 1)
        as pressure_psi,
    (case when temperature_text like '%C' then temperature_number * 9 / 5 + 32 else temperature_number end)::decimal(5, 1)
        as temperature_f,
    recommended_action
from read
