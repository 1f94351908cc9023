with days as (
    select
        sessions.network,
        dates.is_weekend,
        count(distinct sessions.start_date) as days
    from {{ ref('fact_charging_session') }} as sessions
    inner join {{ ref('dim_date') }} as dates
        on dates.date_day = sessions.start_date
    group by all
),

hours as (
    select
        sessions.network,
        dates.is_weekend,
        sessions.start_hour,
        count(*) as sessions,
        sum(sessions.energy_kwh)::decimal(14, 3) as energy_kwh,
        round(avg(sessions.duration_minutes), 1)::decimal(10, 1) as average_minutes
    from {{ ref('fact_charging_session') }} as sessions
    inner join {{ ref('dim_date') }} as dates
        on dates.date_day = sessions.start_date
    group by all
)

select
    hours.network,
    hours.is_weekend,
    hours.start_hour,
    hours.sessions,
    round(hours.sessions / days.days, 2)::decimal(8, 2) as sessions_per_day,
    hours.energy_kwh,
    hours.average_minutes
from hours
inner join days
    on days.network = hours.network and days.is_weekend = hours.is_weekend
