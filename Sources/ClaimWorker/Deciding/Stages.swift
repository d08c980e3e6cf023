import Claims

/// Splits a batch into the statements of one transaction, since claims and cancels are decided by different statements.
///
/// Pure. The claims and cancels of one coupon keep their order; those of different coupons are independent. Each job goes
/// into the first stage of its kind that is not before the last stage of its coupon. A batch without cancels is one
/// stage, however many coupons it has.
struct Stages {
    /// Jobs that one statement decides.
    struct Stage: Hashable {
        let action: ClaimAction
        /// Their indices in the batch, ascending.
        var jobs: [Int]
    }

    /// The stages in the order in which they have to run; none is empty.
    let all: [Stage]

    init(_ claims: [ClaimMessage]) {
        guard claims.contains(where: { $0.action == .cancel }) else {
            all = claims.isEmpty ? [] : [Stage(action: .claim, jobs: Array(claims.indices))]
            return
        }
        // Even stages decide claims, odd ones cancels.
        var stages: [[Int]] = []
        var latest: [CouponName: Int] = [:]
        for (index, claim) in claims.enumerated() {
            var number = latest[claim.couponName] ?? 0
            if number % 2 != (claim.action == .cancel ? 1 : 0) { number += 1 }
            latest[claim.couponName] = number
            while stages.count <= number { stages.append([]) }
            stages[number].append(index)
        }
        all = stages.enumerated().filter { !$0.element.isEmpty }.map { number, jobs in
            Stage(action: number % 2 == 0 ? .claim : .cancel, jobs: jobs)
        }
    }
}
