-- Rates come per country; a month without a rate takes the last one before it.
with rates as (
    select
        currencies.currency_code,
        raw.month,
        raw.units_per_usd
    from {{ source('bronze', 'exchange_rates') }} as raw
    inner join {{ ref('country_currencies') }} as currencies
        on currencies.country = raw.country
),

months as (
    select
        currency_code,
        unnest(generate_series(min(month), max(month), interval 1 month))::date as month
    from rates
    group by currency_code
)

select
    months.currency_code,
    months.month,
    last_value(rates.units_per_usd ignore nulls) over (
        partition by months.currency_code
        order by months.month
        rows between unbounded preceding and current row
    ) as units_per_usd,
    rates.units_per_usd is null as is_filled
from months
left join rates
    on rates.currency_code = months.currency_code and rates.month = months.month
