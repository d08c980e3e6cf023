internal import Observability
internal import RuntimeSupport

/// What a process needs for its work, and what of it is missing.
package struct Readiness: Hashable, Sendable {
    /// A server that the process depends on.
    package struct Store: Hashable, Sendable {
        /// `rabbitmq`, `redis` or `postgres`.
        package let name: String
        /// Why it cannot be used; nil if it can.
        package let unavailableReason: String?

        package init(_ name: String, unavailableReason: String?) {
            self.name = name
            self.unavailableReason = unavailableReason
        }
    }

    package let stores: [Store]
    /// Why the process cannot do its work, in one sentence; nil if it can.
    package let missing: String?

    package init(stores: [Store], missing: String?) {
        self.stores = stores
        self.missing = missing
    }

    /// The body of the answer to `GET /readyz`. A process that is not ready answers with a problem (RFC 9457).
    package var json: [UInt8] {
        var json = JSONText()
        if let missing {
            json.append(json: #"{"type":"urn:claims:problem:not_ready","title":"Not ready","status":503,"detail":"#)
            json.append(string: missing)
            json.append(json: #","code":"not_ready""#)
        } else {
            json.append(json: #"{"status":"ready""#)
        }
        for store in stores {
            json.append(json: ",\"\(store.name)\":")
            json.append(string: store.unavailableReason ?? "ok")
        }
        json.append(json: "}")
        return json.bytes
    }

    /// The gauge `claims_store_up`.
    var storeUp: MetricFamily {
        MetricFamily(
            name: "claims_store_up", kind: .gauge, help: "Whether the process can use a store, 1 or 0.",
            samples: stores.map { store in
                MetricFamily.Sample(labels: ["store", store.name], value: store.unavailableReason == nil ? 1 : 0)
            })
    }
}
