import Claims

/// How a batch is cut into statements of one transaction, since claims and cancels are decided by different ones.
///
/// Pure. The claims and cancels of one coupon keep their order; those of different coupons don't mind each other. So
/// each job goes to the first stage that is not before its coupon's last one and is of its own kind, and a batch without
/// cancels is one stage, however many coupons it has.
struct Stages {
    /// Jobs that one statement decides.
    struct Stage: Hashable {
        let action: ClaimAction
        /// Their places in the batch, in order.
        var jobs: [Int]
    }

    /// In the order in which they have to run; none is empty.
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
