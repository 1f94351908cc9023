-- Whole years around every day on which something was sold or charged.
with days as (
    select sale_date as day from {{ ref('stg_sales') }}
    union all
    select start_at::date from {{ ref('stg_charging_sessions') }}
    union all
    select start_at::date from {{ ref('stg_dundee_sessions') }}
),

calendar as (
    select
        unnest(generate_series(
            date_trunc('year', min(day)), date_trunc('year', max(day)) + interval 1 year - interval 1 day, interval 1 day
        ))::date as date_day
    from days
)

select
    date_day,
    year(date_day)::integer as year,
    quarter(date_day)::integer as quarter,
    month(date_day)::integer as month,
    monthname(date_day) as month_name,
    date_trunc('month', date_day)::date as month_start,
    isodow(date_day)::integer as weekday,
    dayname(date_day) as weekday_name,
    isodow(date_day) >= 6 as is_weekend
from calendar
