{{ config(materialized='table') }}
SELECT
    l.order_id,
    l.line_number,
    o.customer_id,
    o.ordered_on,
    o.ordered_month,
    c.segment,
    l.quantity,
    l.revenue,
    l.is_late
FROM {{ ref('stg_lineitems') }} AS l
JOIN {{ ref('stg_orders') }} AS o ON o.order_id = l.order_id
JOIN {{ ref('stg_customers') }} AS c ON c.customer_id = o.customer_id
