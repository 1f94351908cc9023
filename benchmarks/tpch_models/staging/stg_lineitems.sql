{{ config(materialized='table') }}
SELECT
    l_orderkey AS order_id,
    l_linenumber AS line_number,
    CAST(l_quantity AS int) AS quantity,
    CAST(l_extendedprice * (1 - l_discount) AS decimal(18, 4)) AS revenue,
    l_shipdate AS shipped_on,
    l_receiptdate > l_commitdate AS is_late,
    lower(l_shipmode) AS ship_mode
FROM {{ source('bronze', 'lineitem') }}
