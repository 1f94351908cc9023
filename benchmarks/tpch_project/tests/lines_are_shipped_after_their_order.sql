select lineitems.line_id, orders.ordered_on, lineitems.shipped_on
from {{ ref('stg_lineitems') }} as lineitems
inner join {{ ref('stg_orders') }} as orders
    on orders.order_id = lineitems.order_id
where (lineitems.shipped_on > orders.ordered_on) is not true
