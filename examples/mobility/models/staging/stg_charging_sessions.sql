with raw as (
    select
        *,
        coalesce(end_time < start_time, false) as was_reversed
    from {{ source('bronze', 'charging_sessions') }}
)

select
    session_id,
    station_id,
    case when was_reversed then end_time else start_time end as start_at,
    case
        when was_reversed then start_time
        else coalesce(end_time, start_time + to_minutes(session_duration))
    end as end_at,
    session_duration as duration_minutes,
    energy_kwh,
    price_per_kwh as price_per_kwh_usd,
    cost as cost_usd,
    was_reversed,
    end_time is null as is_end_imputed,
    -- One cent either way is rounding.
    abs(cost - energy_kwh * price_per_kwh) <= 0.01 as is_cost_consistent,
    _load_id
from raw
