-- How much of each part is sold and sent back, and how long the stock of its suppliers lasts.
with stock as (
    select
        part_id,
        count(*) as suppliers,
        cast(sum(available_quantity) as bigint) as available_quantity
    from {{ ref('stg_part_suppliers') }}
    group by part_id
),

sales as (
    select
        part_id,
        count(distinct order_id) as orders,
        cast(sum(quantity) as bigint) as units_sold,
        cast(sum(profit) as decimal(26, 4)) as profit,
        min(sold_on) as first_sold_on,
        max(sold_on) as last_sold_on
    from {{ ref('fact_sales') }}
    group by part_id
),

returns as (
    select
        part_id,
        cast(sum(quantity) as bigint) as units_returned
    from {{ ref('stg_returns') }}
    group by part_id
)

select
    parts.part_id,
    parts.part_name,
    parts.brand,
    coalesce(stock.suppliers, 0) as suppliers,
    coalesce(stock.available_quantity, 0) as available_quantity,
    coalesce(sales.orders, 0) as orders,
    coalesce(sales.units_sold, 0) as units_sold,
    coalesce(sales.profit, 0) as profit,
    coalesce(returns.units_returned, 0) as units_returned,
    {{ ratio('365 * sales.units_sold', 'cast(sales.last_sold_on - sales.first_sold_on as int)') }} as units_per_year
from {{ ref('dim_part') }} as parts
left join stock
    on stock.part_id = parts.part_id
left join sales
    on sales.part_id = parts.part_id
left join returns
    on returns.part_id = parts.part_id
