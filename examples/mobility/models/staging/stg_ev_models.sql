select
    ev_model_id,
    brand,
    model,
    nullif(variant, '') as variant,
    vehicle_type,
    drive_type,
    release_year,
    battery_kwh,
    ac_charger.max_power as ac_power_kw,
    ac_charger.power_per_charging_point['22'] as ac_power_at_22_kw,
    dc_charger.max_power as dc_power_kw,
    coalesce(len(dc_charger.charging_curve), 0) as charging_curve_points,
    energy_consumption.average_consumption as consumption_kwh_per_100_km
from {{ source('bronze', 'ev_models') }}
