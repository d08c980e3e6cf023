internal import Foundation

/// A snapshot of one metric with all its labelled samples.
package struct MetricFamily: Codable, Hashable, Sendable {
    /// The metric type.
    package enum Kind: String, Codable, Sendable {
        case counter, gauge, histogram
    }

    /// One value with its labels.
    package struct Sample: Codable, Hashable, Sendable {
        /// `_bucket`, `_sum` or `_count` for a histogram; empty otherwise.
        package var suffix: String
        /// Label names and values, alternating.
        package var labels: [String]
        package var value: Double

        package init(suffix: String = "", labels: [String], value: Double) {
            self.suffix = suffix
            self.labels = labels
            self.value = value
        }
    }

    /// The Prometheus name.
    package var name: String
    package var kind: Kind
    /// A one-line description.
    package var help: String
    package var samples: [Sample]

    package init(name: String, kind: Kind, help: String, samples: [Sample]) {
        self.name = name
        self.kind = kind
        self.help = help
        self.samples = samples
    }

    /// Returns the family with one more label on each sample.
    package func labelled(_ name: String, _ value: String) -> MetricFamily {
        var copy = self
        for index in copy.samples.indices { copy.samples[index].labels += [name, value] }
        return copy
    }
}

extension [MetricFamily] {
    /// Merges families of the same name, as the text format requires, and sorts them by name.
    package func merged() -> [MetricFamily] {
        var merged: [String: MetricFamily] = [:]
        for family in self { merged[family.name, default: family.emptied].samples += family.samples }
        return merged.values.sorted { $0.name < $1.name }
    }

    /// The families in the Prometheus text format, version 0.0.4.
    ///
    /// <https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format>
    package var prometheusText: String {
        var text = ""
        for family in self {
            text += "# HELP \(family.name) \(Self.escapeHelp(family.help))\n"
            text += "# TYPE \(family.name) \(family.kind.rawValue)\n"
            for sample in family.samples {
                text += family.name + sample.suffix
                if !sample.labels.isEmpty {
                    let pairs = stride(from: 0, to: sample.labels.count - 1, by: 2).map { index in
                        "\(sample.labels[index])=\"\(Self.escape(sample.labels[index + 1]))\""
                    }
                    text += "{" + pairs.joined(separator: ",") + "}"
                }
                text += " \(MetricFamily.number(sample.value))\n"
            }
        }
        return text
    }

    private static func escape(_ value: String) -> String {
        value.replacingOccurrences(of: "\\", with: "\\\\").replacingOccurrences(of: "\"", with: "\\\"")
            .replacingOccurrences(of: "\n", with: "\\n")
    }

    private static func escapeHelp(_ text: String) -> String {
        text.replacingOccurrences(of: "\\", with: "\\\\").replacingOccurrences(of: "\n", with: "\\n")
    }
}

extension MetricFamily {
    /// Returns a number as values and bounds are written: whole ones without a fraction.
    static func number(_ value: Double) -> String {
        value == value.rounded() && abs(value) < 1e15 ? String(Int64(value)) : String(value)
    }
}

extension MetricFamily {
    fileprivate var emptied: MetricFamily {
        MetricFamily(name: name, kind: kind, help: help, samples: [])
    }
}
