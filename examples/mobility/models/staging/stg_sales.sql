with raw as (
    select
        *,
        {{ normalised('payment_method') }} as payment_spelling
    from {{ source('bronze', 'sales') }}
)

select
    sale_id,
    customer_id,
    vehicle_id,
    sale_date,
    replace(ltrim(sale_price, '$€£'), ',', '')::decimal(12, 2) as sale_price,
    case left(sale_price, 1) when '€' then 'EUR' when '£' then 'GBP' else 'USD' end as currency_code,
    case payment_spelling
        when 'credit card' then 'Credit Card'
        when 'bank transfer' then 'Bank Transfer'
        when 'finance' then 'Finance'
        when 'lease' then 'Lease'
    end as payment_method
from raw
