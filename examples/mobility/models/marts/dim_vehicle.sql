with market as (
    select battery_kwh
    from {{ ref('stg_ev_models') }}
    where vehicle_type = 'car' and drive_type = 'bev'
)

select
    vehicle_id,
    model_name,
    body_type,
    battery_kwh,
    range_km,
    color,
    model_year,
    charging_minutes,
    (
        select round(100.0 * count(*) filter (where market.battery_kwh <= vehicles.battery_kwh) / count(*), 1)::decimal(4, 1)
        from market
    ) as battery_market_percentile,
    false as is_unknown
from {{ ref('stg_vehicles') }} as vehicles

union all

select -1, 'Unknown vehicle', null, null, null, null, null, null, null, true
