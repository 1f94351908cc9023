{{ config(materialized='table') }}
SELECT
    o_orderkey AS order_id,
    o_custkey AS customer_id,
    o_orderstatus AS status,
    o_orderdate AS ordered_on,
    CAST(date_trunc('month', o_orderdate) AS date) AS ordered_month,
    CAST(substr(o_orderpriority, 1, 1) AS int) AS priority
FROM {{ source('bronze', 'orders') }}
