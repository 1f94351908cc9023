-- Whole years around every day on which something was ordered, shipped or received.
with days as (
    select ordered_on as day from {{ ref('stg_orders') }}
    union all
    select shipped_on from {{ ref('stg_deliveries') }}
    union all
    select received_on from {{ ref('stg_deliveries') }}
),

bounds as (
    select
        cast(date_trunc('year', min(day)) as date) as first_day,
        year(max(day)) as last_year
    from days
),

digits as (
    select * from (values (0), (1), (2), (3), (4), (5), (6), (7), (8), (9)) as listed (digit)
),

calendar as (
    select bounds.first_day + (ones.digit + 10 * tens.digit + 100 * hundreds.digit + 1000 * thousands.digit) as date_day
    from bounds
    cross join digits as ones
    cross join digits as tens
    cross join digits as hundreds
    cross join digits as thousands
),

numbered as (
    select
        calendar.date_day,
        cast(month(calendar.date_day) as int) as month,
        -- 1 January 1990 was a Monday.
        cast(calendar.date_day - cast('1990-01-01' as date) as int) % 7 + 1 as weekday
    from calendar
    cross join bounds
    where year(calendar.date_day) <= bounds.last_year
)

select
    date_day,
    cast(year(date_day) as int) as year,
    cast(quarter(date_day) as int) as quarter,
    month,
    split_part('January February March April May June July August September October November December', ' ', month)
        as month_name,
    cast(date_trunc('month', date_day) as date) as month_start,
    weekday,
    split_part('Monday Tuesday Wednesday Thursday Friday Saturday Sunday', ' ', weekday) as weekday_name,
    weekday >= 6 as is_weekend
from numbered
