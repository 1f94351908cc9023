{{ config(materialized='incremental', incremental_strategy='merge', unique_key='order_id', on_schema_change='fail') }}

with lines as (
    select
        lineitems.order_id,
        count(*) as lines,
        cast(sum(lineitems.quantity) as bigint) as quantity,
        cast(sum(lineitems.revenue) as decimal(24, 4)) as revenue,
        cast(sum(lineitems.charge) as decimal(26, 6)) as charge,
        min(deliveries.shipped_on) as first_shipped_on,
        max(deliveries.received_on) as last_received_on,
        cast(sum(case when deliveries.is_late then 1 else 0 end) as bigint) as late_lines
    from {{ ref('stg_lineitems') }} as lineitems
    inner join {{ ref('stg_deliveries') }} as deliveries
        on deliveries.line_id = lineitems.line_id
    group by lineitems.order_id
)

select
    orders.order_id,
    orders.customer_id,
    orders.clerk_id,
    orders.ordered_on,
    orders.status,
    orders.priority,
    orders.total_price,
    lines.lines,
    lines.quantity,
    lines.revenue,
    lines.charge,
    lines.first_shipped_on,
    lines.last_received_on,
    lines.late_lines
from {{ ref('stg_orders') }} as orders
left join lines
    on lines.order_id = orders.order_id
{% if is_incremental() %}
-- Nothing changes in an order four months after its day.
where orders.ordered_on > (select max(ordered_on) - 122 from {{ this }})
{% endif %}
