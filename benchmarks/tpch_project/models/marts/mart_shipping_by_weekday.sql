with days as (
    select
        deliveries.transport,
        dates.is_weekend,
        count(distinct deliveries.shipped_on) as days
    from {{ ref('stg_deliveries') }} as deliveries
    inner join {{ ref('dim_date') }} as dates
        on dates.date_day = deliveries.shipped_on
    group by deliveries.transport, dates.is_weekend
),

weekdays as (
    select
        deliveries.transport,
        dates.is_weekend,
        dates.weekday,
        count(*) as shipments,
        cast(sum(deliveries.days_in_transit) as bigint) as transit_days,
        cast(sum(case when deliveries.is_late then 1 else 0 end) as bigint) as late
    from {{ ref('stg_deliveries') }} as deliveries
    inner join {{ ref('dim_date') }} as dates
        on dates.date_day = deliveries.shipped_on
    group by deliveries.transport, dates.is_weekend, dates.weekday
)

select
    weekdays.transport,
    weekdays.is_weekend,
    weekdays.weekday,
    weekdays.shipments,
    {{ ratio('weekdays.shipments', 'days.days') }} as shipments_per_day,
    {{ ratio('weekdays.transit_days', 'weekdays.shipments') }} as average_days_in_transit,
    {{ ratio('100 * weekdays.late', 'weekdays.shipments') }} as late_percent
from weekdays
inner join days
    on days.transport = weekdays.transport and days.is_weekend = weekdays.is_weekend
