-- One row per sale. A customer or model that no list has becomes the unknown member -1, so that totals hold.
select
    sales.sale_id,
    sales.sale_date,
    coalesce(customers.customer_id, -1) as customer_id,
    coalesce(vehicles.vehicle_id, -1) as vehicle_id,
    sales.payment_method,
    sales.sale_price,
    sales.currency_code,
    case
        when sales.currency_code = 'USD' then sales.sale_price
        else round(sales.sale_price / rates.units_per_usd, 2)
    end::decimal(12, 2) as sale_price_usd
from {{ ref('stg_sales') }} as sales
left join {{ ref('dim_customer') }} as customers
    on customers.customer_id = sales.customer_id
left join {{ ref('dim_vehicle') }} as vehicles
    on vehicles.vehicle_id = sales.vehicle_id
left join {{ ref('stg_exchange_rates') }} as rates
    on rates.currency_code = sales.currency_code
    and rates.month = date_trunc('month', sales.sale_date)
