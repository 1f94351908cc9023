with points as (
    select
        ev_model_id,
        unnest(dc_charger.charging_curve) as point
    from {{ source('bronze', 'ev_models') }}
)

select
    ev_model_id,
    point.percentage as state_of_charge_percent,
    point.power as power_kw
from points
