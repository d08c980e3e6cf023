import Admin
import RuntimeSupport

extension Readiness {
    /// The readiness of a worker: it is subscribed to all lanes, as the active consumer or as one that waits, and both
    /// stores take writes.
    init(lanes: [LaneControl], stores health: StoreHealth) {
        let outages = health.unavailableStores
        var redis: String? = outages == nil ? "not probed yet" : nil
        var postgres = redis
        for outage in outages ?? [] {
            switch outage {
            case .redis(let error): redis = "\(error)"
            case .postgres(let error): postgres = "\(error)"
            }
        }
        let isConnected = lanes.contains { $0.subscribedSince != nil }
        let rabbitmq = lanes.lazy.compactMap(\.brokerFailure).first ?? (isConnected ? nil : "not connected yet")
        let stores = [
            Store("rabbitmq", unavailableReason: rabbitmq), Store("redis", unavailableReason: redis),
            Store("postgres", unavailableReason: postgres),
        ]
        let open = lanes.filter { !$0.isSubscribed }.map { String($0.lane) }
        var missing = stores.compactMap { store in store.unavailableReason.map { "\(store.name): \($0)" } }
        if !open.isEmpty { missing.append("no subscription to lane \(open.joined(separator: ", "))") }
        self.init(
            stores: stores,
            missing: missing.isEmpty ? nil : "Claims cannot be decided. \(missing.joined(separator: "; ")).")
    }
}
