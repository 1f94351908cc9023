{#- dbt's own, but that failing rows are kept in any case, in the table that `store_failures` would write, and that
    nothing is left there once a test passes. -#}
{% materialization test, adapter='headgate' %}
  {%- set limited -%}
    {{ get_limit_subquery_sql(sql, config.get('limit')) }}
  {%- endset -%}
  {%- call statement('main', fetch_result=True) -%}
    {{ get_test_sql(limited, config.get('fail_calc'), config.get('warn_if'), config.get('error_if'), limit=none) }}
  {%- endcall -%}

  {%- set kept = api.Relation.create(
        database=database, schema=schema, identifier=model['alias'], type='table') -%}
  {%- set outcome = load_result('main').table.rows[0] -%}
  {%- if outcome['should_warn'] or outcome['should_error'] or should_store_failures() -%}
    {%- if config.get('store_failures_as') == 'view' -%}
      {% do adapter.replace_view(kept.incorporate(type='view'), limited, model) %}
    {%- else -%}
      {% do adapter.replace_table(kept, limited, model) %}
    {%- endif -%}
  {%- else -%}
    {% do adapter.drop_relation(kept) %}
  {%- endif -%}
  {{ return({'relations': []}) }}
{% endmaterialization %}
