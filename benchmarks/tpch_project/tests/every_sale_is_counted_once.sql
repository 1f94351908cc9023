-- Joining sales to returns on the brand before counting would overstate sales a thousandfold.
select trend.units_sold, lineitems.quantity
from (select sum(units_sold) as units_sold from {{ ref('mart_sales_trend') }}) as trend
cross join (select sum(quantity) as quantity from {{ ref('stg_lineitems') }}) as lineitems
where trend.units_sold is distinct from lineitems.quantity
