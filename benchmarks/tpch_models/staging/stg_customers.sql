{{ config(materialized='table') }}
SELECT
    c_custkey AS customer_id,
    trim(c_name) AS customer_name,
    lower(c_mktsegment) AS segment,
    c_nationkey AS nation_id,
    c_acctbal AS balance
FROM {{ source('bronze', 'customer') }}
