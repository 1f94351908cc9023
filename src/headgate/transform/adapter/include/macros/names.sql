{#- A schema that a configuration names is used as it stands, with no prefix of the target's schema: tables are
    `silver.orders` on every branch and in every profile. A project's own generate_schema_name comes first. -#}
{% macro headgate__generate_schema_name(custom_schema_name, node) -%}
  {%- if custom_schema_name is none -%}
    {{ target.schema }}
  {%- elif custom_schema_name == 'dbt_test__audit' -%}
    {#- dbt's default schema for the failing rows of tests -#}
    checks
  {%- else -%}
    {{ custom_schema_name | trim }}
  {%- endif -%}
{%- endmacro %}
