-- Three quarters were published as ISO dates by a spreadsheet that took 3/12/2017 for 12 March: wherever the day is
-- 12 or less, day and month are swapped. The last quarter was published as day/month/year and is right as it is.
with raw as (
    select
        *,
        _source_file like '%\_060618\_-\_060918.csv%' escape '\' as is_date_right
    from {{ source('bronze', 'dundee_sessions') }}
),

repaired as (
    select
        *,
        case when is_date_right then start_date else {{ swap_day_and_month('start_date') }} end as start_day,
        case
            when end_date < date '1971-01-01' then null
            when is_date_right then end_date
            else {{ swap_day_and_month('end_date') }}
        end as end_day
    from raw
)

select
    session_id,
    charge_point_id,
    connector,
    user_id,
    nullif(trim(car), '') as car,
    start_day + start_time::time as start_at,
    end_day + end_time::time as end_at,
    end_day is not null as is_end_known,
    -- No car of 2018 takes more than 150 kWh; one meter said 1,430.
    case when energy_kwh <= 150 then energy_kwh end as energy_kwh,
    coalesce(energy_kwh > 150, false) as is_energy_implausible,
    cost as cost_gbp,
    nullif(trim(site), '') as site,
    owner_group,
    charger_model,
    _source_file as source_file,
    _load_id
from repaired
