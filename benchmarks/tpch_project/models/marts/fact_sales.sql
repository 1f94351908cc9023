-- One row per line. A customer, part or supplier that no list has becomes the unknown member -1, so that totals hold.
select
    lineitems.line_id,
    lineitems.order_id,
    orders.ordered_on as sold_on,
    coalesce(customers.customer_id, -1) as customer_id,
    coalesce(parts.part_id, -1) as part_id,
    coalesce(suppliers.supplier_id, -1) as supplier_id,
    lineitems.quantity,
    lineitems.discount,
    lineitems.revenue,
    cast(lineitems.revenue - lineitems.quantity * coalesce(parts.lowest_cost, 0) as decimal(20, 4)) as profit
from {{ ref('stg_lineitems') }} as lineitems
inner join {{ ref('stg_orders') }} as orders
    on orders.order_id = lineitems.order_id
left join {{ ref('dim_customer') }} as customers
    on customers.customer_id = orders.customer_id
left join {{ ref('dim_part') }} as parts
    on parts.part_id = lineitems.part_id
left join {{ ref('dim_supplier') }} as suppliers
    on suppliers.supplier_id = lineitems.supplier_id
