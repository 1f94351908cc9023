{{ config(materialized='table') }}
SELECT
    ordered_month,
    segment,
    count(*) AS line_items,
    count(DISTINCT order_id) AS orders,
    CAST(sum(quantity) AS bigint) AS quantity,
    CAST(sum(revenue) AS decimal(28, 4)) AS revenue,
    CAST(sum(CASE WHEN is_late THEN 1 ELSE 0 END) AS bigint) AS late
FROM {{ ref('fact_sales') }}
GROUP BY ordered_month, segment
