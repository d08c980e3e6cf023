-- One row for each kind of fault: what became of the claims that were accepted after its start and before the next
-- fault. Times are in seconds. proof_faults has the faults in order, proof_accepted the accepted claims.
with starts as (
    select array_agg(began order by began) as began from proof_faults
), fault as (
    -- Faults of one kind on several workers or nodes are one row.
    select row_number() over (order by began) as number, began, ended,
           regexp_replace(label, '(worker|rabbitmq)-\d+', '\1', 'g') as label
    from proof_faults
), accepted as (
    select width_bucket(a.at, s.began) as number, a.id, a.user_id, a.coupon, c.status, c.decided_at, c.created_at, c.number as row
    from proof_accepted a cross join starts s left join claims c on c.id = a.id
), given as (
    select number, row_number() over (partition by coupon order by row) as nth_of_coupon, coupon,
           row_number() over (partition by coupon, user_id order by row) as nth_of_user
    from accepted where status = 'claimed'
), counts as (
    select number, count(*) as accepted,
           -- Within minutes after the end of the load, a claim without an outcome is lost.
           count(*) filter (where status is null or status not in ('claimed', 'rejected')) as lost
    from accepted group by number
), excess as (
    select number, count(*) filter (where nth_of_user > 1) as doubled,
           count(*) filter (where nth_of_coupon > k.amount) as oversold
    from given join coupons k on k.name = coupon group by number
), decision as (
    select a.number, a.coupon, extract(epoch from min(decided_at)) - f.began as after_start,
           extract(epoch from min(decided_at) filter (where a.created_at > to_timestamp(f.ended))) - f.ended as after_end
    from accepted a join fault f using (number)
    where a.created_at > to_timestamp(f.began) and a.decided_at > to_timestamp(f.began)
    group by a.number, a.coupon, f.began, f.ended
), recovery as (
    select number, min(after_start) as first, max(after_start) as every, max(after_end) as every_after_end
    from decision group by number
)
select label, count(*), round(percentile_cont(0.5) within group (order by ended - began)::numeric, 1),
       sum(coalesce(accepted, 0)), sum(coalesce(lost, 0)), sum(coalesce(doubled, 0)), sum(coalesce(oversold, 0)),
       concat_ws(' / ', round(percentile_cont(0.5) within group (order by first)::numeric, 1), round(max(first), 1)),
       concat_ws(' / ', round(percentile_cont(0.5) within group (order by every)::numeric, 1), round(max(every), 1)),
       concat_ws(' / ', round(percentile_cont(0.5) within group (order by every_after_end)::numeric, 1),
                        round(max(every_after_end), 1))
from fault left join counts using (number) left join excess using (number) left join recovery using (number)
group by label
order by min(number)
