{{ config(materialized='table') }}
SELECT
    c.customer_id,
    c.customer_name,
    c.segment,
    count(DISTINCT s.order_id) AS orders,
    CAST(coalesce(sum(s.revenue), 0) AS decimal(28, 4)) AS revenue,
    max(s.ordered_on) AS last_ordered_on
FROM {{ ref('stg_customers') }} AS c
LEFT JOIN {{ ref('fact_sales') }} AS s ON s.customer_id = c.customer_id
GROUP BY c.customer_id, c.customer_name, c.segment
