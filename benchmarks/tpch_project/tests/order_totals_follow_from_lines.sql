{{ config(severity='warn', warn_if='>50') }}
-- Lines are rounded to the cent one by one; more than 50 orders that are further off are no longer rounding.
select order_id, total_price, charge, lines
from {{ ref('fact_orders') }}
where abs(total_price - charge) > 0.02 * lines
