{% materialization incremental, adapter='headgate', supported_languages=['sql', 'python'] %}
  {%- set existing_relation = load_cached_relation(this) -%}
  {%- set target_relation = this.incorporate(type='table') -%}
  {{ run_hooks(pre_hooks, inside_transaction=False) }}
  {{ run_hooks(pre_hooks, inside_transaction=True) }}

  {%- set query = headgate_query(compiled_code, model['language']) -%}
  {%- if existing_relation is none or existing_relation.is_view or should_full_refresh() -%}
    {%- set response = adapter.replace_table(target_relation, query, model) -%}
  {%- else -%}
    {%- set response = adapter.increment(target_relation, query, model) -%}
  {%- endif -%}
  {% do headgate_written(query, response) %}
  {% do adapter.check_constraints(target_relation, model) %}

  {{ run_hooks(post_hooks, inside_transaction=True) }}
  {{ run_hooks(post_hooks, inside_transaction=False) }}
  {{ return({'relations': [target_relation]}) }}
{% endmaterialization %}
