{#- dbt's own, with the table written by a merge on dbt_scd_id of whole rows: those that are closed, as they are with
    their new end, and those that begin. -#}
{% materialization snapshot, adapter='headgate' %}
  {%- set target_relation_exists, target_relation = get_or_create_relation(
        database=model.database, schema=model.schema, identifier=model['alias'], type='table') -%}
  {%- if not target_relation.is_table -%}
    {%- do exceptions.relation_wrong_type(target_relation, 'table') -%}
  {%- endif -%}
  {{ run_hooks(pre_hooks, inside_transaction=False) }}
  {{ run_hooks(pre_hooks, inside_transaction=True) }}

  {%- set query = headgate_query(model['compiled_code'], 'sql') -%}
  {%- set strategy = strategy_dispatch(config.get('strategy'))(
        model, 'snapshotted_data', 'source_data', model['config'], target_relation_exists) -%}
  {%- if not target_relation_exists -%}
    {%- set rows = build_snapshot_table(strategy, query) -%}
    {{ check_time_data_types(rows) }}
    {%- set response = adapter.replace_table(target_relation, rows, model) -%}
  {%- else -%}
    {%- set columns = config.get('snapshot_table_column_names') or get_snapshot_table_column_names() -%}
    {{ adapter.assert_valid_snapshot_target_given_strategy(target_relation, columns, strategy) }}
    {{ check_time_data_types(snapshot_staging_table(strategy, query, target_relation)) }}
    {%- set staged = build_snapshot_staging_table(strategy, query, target_relation) -%}
    {%- set rows = headgate_snapshot_changes(target_relation, staged, strategy, columns) -%}
    {%- set response = adapter.merge_rows(target_relation, rows, [columns.dbt_scd_id], model) -%}
    {% do post_snapshot(staged) %}
  {%- endif -%}
  {% do headgate_written(rows, response) %}

  {{ run_hooks(post_hooks, inside_transaction=True) }}
  {{ run_hooks(post_hooks, inside_transaction=False) }}
  {{ return({'relations': [target_relation]}) }}
{% endmaterialization %}


{% macro headgate_snapshot_changes(target, staged, strategy, columns) %}
  {#- Columns of the staging table that the snapshot does not keep -#}
  {%- set working = ['dbt_change_type', 'dbt_unique_key'] -%}
  {%- if strategy.unique_key | is_list -%}
    {%- for key in strategy.unique_key -%}{%- do working.append('dbt_unique_key_' ~ loop.index) -%}{%- endfor -%}
  {%- endif -%}
  {%- set kept = [] -%}
  {%- for column in adapter.get_columns_in_relation(staged) if column.name | lower not in working -%}
    {%- do kept.append('began.' ~ adapter.quote(column.name)) -%}
  {%- endfor -%}
  select target.* replace (ended.{{ columns.dbt_valid_to }} as {{ columns.dbt_valid_to }})
  from {{ target }} as target
  join {{ staged }} as ended on ended.{{ columns.dbt_scd_id }} = target.{{ columns.dbt_scd_id }}
  where ended.dbt_change_type in ('update', 'delete')
    and (target.{{ columns.dbt_valid_to }} is null
      {%- if config.get('dbt_valid_to_current') %}
      or target.{{ columns.dbt_valid_to }} = {{ config.get('dbt_valid_to_current') }}
      {%- endif %})
  union all by name
  select {{ kept | join(', ') }}
  from {{ staged }} as began
  where began.dbt_change_type = 'insert'
{% endmacro %}
